"""The cctbx side: inputs, X-ray target, stages, macro-cycle."""
