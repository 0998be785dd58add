"""Methods with other players or graphs than two in a recipe: each has its own step, in a file of its own."""
