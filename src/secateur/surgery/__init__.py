"""How do channels and heads leave a network, exactly, while training goes on?"""

from secateur.surgery.certificate import Certificate
from secateur.surgery.cuttable import cuttable
from secateur.surgery.cutting import Cut, cut
from secateur.surgery.following import followed
from secateur.surgery.removal import masks_without, removed_units

__all__ = ["Certificate", "Cut", "cut", "cuttable", "followed", "masks_without", "removed_units"]
