"""How is the accuracy brought back? Training under the masks, checkpoints, distillation."""
