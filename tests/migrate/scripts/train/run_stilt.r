# A transect: places in a table, one time, and the height set afterwards.
receptors <- read.csv('transect.csv', stringsAsFactors = FALSE)
names(receptors) <- c('lati', 'long')
receptors$run_time <- as.POSIXct('2020-02-11 21:00:00', tz = 'UTC')
receptors$zagl <- 2
receptors[['zagl']][receptors$lati > 40.71] <- 6
receptors[nrow(receptors), 'long'] <- -111.9
receptors <- receptors[-1, ]
n_hours <- -12
numpar = 200
xmn <- min(receptors$long) - 1
xmx <- max(receptors$long) + 1
ymn <- floor(min(receptors$lati)); ymx <- ceiling(max(receptors$lati))
xres <- yres <- 0.005
met_path <- '/data/hrrr'
met_file_format <- '%Y%m%d.%Hz.hrrra'
met_file_tres <- '6 hours'
krand <- 2
