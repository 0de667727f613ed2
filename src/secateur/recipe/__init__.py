"""What does the user ask for? One frozen recipe, in Python or in TOML."""

from secateur.recipe.compression import Compression
from secateur.recipe.options import Distillation, Recovery
from secateur.recipe.recipe import Recipe

__all__ = ["Compression", "Distillation", "Recipe", "Recovery"]
