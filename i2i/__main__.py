"""`python -m i2i`, for torchrun: `torchrun --nproc-per-node 2 -m i2i train ...`."""

from i2i.cli import main

if __name__ == "__main__":
    main()
