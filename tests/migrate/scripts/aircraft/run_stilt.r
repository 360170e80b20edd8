# A flight: a table with a column each for date and clock, heights above sea level, every second row.
flight <- read.csv(file.path('/archive/flights', 'flight.csv'))
flight$run_time <- as.POSIXct(paste(flight$date, flight$utc), format = '%d.%m.%Y %H:%M', tz = 'UTC')
flight <- flight[seq(1, nrow(flight), by = 2), ]
flight <- flight[!is.na(flight$alt) & flight$alt < 3000, ]
colnames(flight)[colnames(flight) == 'alt'] <- 'zagl'
receptors <- flight[, c('run_time', 'lat', 'lon', 'zagl')]
names(receptors) <- c('run_time', 'lati', 'long', 'zagl')
receptors$zagl <- round(receptors$zagl, 1)
kmsl <- 1
n_hours <- -24
numpar <- 500
hnf_plume <- F
xmn <- 5; xmx <- 15; ymn <- 46; ymx <- 55; xres <- 0.1; yres <- xres
met_path <- '/data/gfs0p25'; met_file_format <- '%Y%m%d_gfs0p25'; met_file_tres <- '1 day'
krand <- 2
