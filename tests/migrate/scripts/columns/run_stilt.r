# A column for each sounding: heights in a list.
soundings <- data.frame(lati = c(33.9, 34.1), long = c(-118.2, -118.0))
soundings$run_time <- as.POSIXct('2018-11-04 21:30:00', tz = 'UTC')
levels <- c(seq(0, 1000, by = 250), 2000)
receptors <- soundings
receptors$zagl <- rep(list(levels), nrow(receptors))
receptors$zagl[[2]] <- c(10, 500)
ziscale <- rep(list(rep(1, 24)), nrow(receptors))
zicontroltf <- 0
varsiwant <- c('time', 'indx', 'long', 'lati', 'zagl', 'foot', 'mlht', 'dens', 'samt', 'sigw', 'tlgr')
n_hours <- -24; numpar <- 2000
xmn <- -120; xmx <- -116; ymn <- 32; ymx <- 36; xres <- 0.01; yres <- 0.01
met_path <- '/data/hrrr'; met_file_format <- '%Y%m%d_%H'; met_file_tres <- '6 hours'
krand <- 2
