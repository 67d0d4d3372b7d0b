"""Where things go from one picture to the next: optical flow, warping along it, and what of it can be trusted."""
