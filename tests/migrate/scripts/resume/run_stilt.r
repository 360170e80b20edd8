# Only what an earlier run has not made: what is on the disk decides.
receptors <- expand.grid(run_time = as.POSIXct('2020-01-01 12:00', tz = 'UTC') + 3600 * 0:3,
                         lati = 40.5, long = -112, zagl = 5)
made <- list.files('/nowhere/footprints', full.names = FALSE)
labels <- paste0(format(receptors$run_time, '%Y%m%d%H%M'), '_', receptors$long, '_', receptors$lati, '_foot.nc')
receptors <- receptors[!(labels %in% made), ]
label_count <- length(unique(made))
numpar <- as.numeric(strsplit('200-24', '-')[[1]][1])
n_hours <- -24
xmn <- -113; xmx <- -111; ymn <- 40; ymx <- 42; xres <- 0.01; yres <- 0.01
met_path <- '/data/hrrr'; met_file_format <- '%Y%m%d_%H'; met_file_tres <- '6 hours'
krand <- 2
