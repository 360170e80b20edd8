# Rows are put below each other one by one, then cleaned.
receptors <- data.frame()
for (hour in c(12, 15, 18)) {
  for (height in c(5, 50)) {
    if (hour == 12 && height == 50) {
      next
    } else {
      row <- data.frame(run_time = ISOdatetime(2017, 7, 14, hour, 0, 0, tz = 'UTC'), lati = 39.9, long = -105.0, zagl = height)
    }
    receptors <- rbind(receptors, row)
  }
}
receptors[receptors$zagl == 50, 'zagl'] <- 60
receptors <- with(receptors, data.frame(run_time = run_time, lati = lati, long = long + 0.5 * (zagl > 10), zagl = zagl))
receptors <- na.omit(receptors)
is_last <- seq_len(nrow(receptors)) == nrow(receptors)
receptors <- receptors[!is_last, ]
n_hours <- -24; numpar <- 200
xmn <- -107; xmx <- -103; ymn <- 38; ymx <- 42; xres <- 0.02; yres <- 0.02
met_path <- '/data/rap'; met_file_format <- '%Y%m%d_rap'; met_file_tres <- '1 day'
krand <- 2
