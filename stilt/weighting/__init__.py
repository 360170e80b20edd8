"""How particles weigh in a footprint: averaging kernels, pressure weights, decay on the way."""
