# A moving window: a while loop, assign and next.
t <- as.POSIXct('2022-05-01 00:00:00', tz = 'UTC')
t_end <- as.POSIXct('2022-05-03 00:00:00', tz = 'UTC')
skip <- c('2022-05-02')
times <- c()
while (t <= t_end) {
  times <- c(times, as.numeric(t))
  t <- t + 6 * 3600
}
kept <- c()
for (i in seq_along(times)) {
  when <- as.POSIXct(times[i], origin = '1970-01-01', tz = 'UTC')
  if (format(when, '%Y-%m-%d') %in% skip) next
  kept[length(kept) + 1] <- times[i]
}
assign('n_hours', -6 * length(skip))
for (key in c('xres', 'yres')) assign(key, 0.02)
run_time <- as.POSIXct(kept, origin = '1970-01-01', tz = 'UTC')
receptors <- data.frame(run_time = run_time, lati = 52.0, long = 4.9, zagl = 60)
names(receptors)[1] <- 'run_time'
receptors <- unique(rbind(receptors, receptors[1, ]))
numpar <- 300
xmn <- 2; xmx <- 8; ymn <- 50; ymx <- 54
met_path <- '/data/gfs'; met_file_format <- 'gfs_%Y%m%d'; met_file_tres <- '1 day'
krand <- 2
