"""How is a network that came as ONNX cut, scored and checked without its Python code?"""
