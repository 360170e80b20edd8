# Local afternoons; the clock changes on the tenth of March.
local_times <- c('2019-03-09 14:00', '2019-03-10 14:00', '2019-03-11 14:00')
run_times <- as.POSIXct(local_times, tz = 'America/Denver')
attr(run_times, 'tzone') <- 'UTC'
days <- seq(as.Date('2019-03-20'), as.Date('2019-03-22'), by = 'day')
more <- as.POSIXct(paste(days, '13:30'), format = '%Y-%m-%d %H:%M', tz = 'Etc/GMT+7')
run_times <- c(run_times, more)
print(difftime(max(run_times), min(run_times)))
receptors <- data.frame(run_time = run_times, lati = 40.766, long = -111.847, zagl = 35)
receptors$run_time[2] <- receptors$run_time[2] + 30 * 60
n_hours <- -24
numpar <- 200
xmn <- -113; xmx <- -111; ymn <- 40; ymx <- 42; xres <- 0.01; yres <- 0.01
met_path <- '/data/hrrr'; met_file_format <- '%Y%m%d_%H'; met_file_tres <- '6 hours'
krand <- 2
