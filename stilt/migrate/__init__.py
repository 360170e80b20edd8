"""Moving in: settings and receptors of R-STILT and PYSTILT projects, read into ours."""
