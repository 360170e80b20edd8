"""From the files of instruments to receptors and kernels.

Soundings are an xarray dataset of one layout, whatever instrument they are from: along ``sounding`` (its coordinate is
the id, text) ``time`` (UTC), ``longitude``, ``latitude``, ``observed_ppm``, ``uncertainty_ppm``, ``is_good``, and where
the file has them ``zenith_deg`` and ``azimuth_deg`` of the line of sight (clockwise from north); along ``sounding`` and
``level``, ascending, ``pressure_hpa`` or ``height_m`` (above ground), ``averaging_kernel``, ``pressure_weight`` and
``prior_ppm``.
"""
