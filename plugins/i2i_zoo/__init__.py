"""Generative adversarial networks by name: one recipe a preset, of parts that can be exchanged."""
