"""What is written into each file of a compiled network?"""
