# Sites in a table, each with its own inlet; times by hand; joined.
sites <- data.frame(site = c('north', 'south', 'west'),
                    lati = c(47.1, 46.2, 46.8),
                    long = c(8.5, 8.9, 7.4),
                    zagl = c(12, 71.5, 212))
times <- data.frame(run_time = seq(as.POSIXct('2022-01-05 12:00', tz = 'UTC'), by = '3 hours', length.out = 3))
receptors <- merge(times, sites)
receptors <- subset(receptors, !(site == 'west' & zagl > 200) | run_time > as.POSIXct('2022-01-05 13:00', tz = 'UTC'))
receptors <- receptors[order(receptors$run_time, -receptors$zagl), ]
receptors$note <- basename(tempfile())
stopifnot(nrow(receptors) > 0)
n_hours <- -72
numpar <- 1000
xmn <- 5; xmx <- 11; ymn <- 45; ymx <- 48; xres <- 1/60; yres <- 1/60
met_path <- '/data/gfs0p25'; met_file_format <- '%Y%m%d_gfs0p25'; met_file_tres <- '1 day'
krand <- 2
