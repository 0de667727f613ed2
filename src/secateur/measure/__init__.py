"""How long does a network take, and on which machine?"""
