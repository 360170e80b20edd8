# Receptors made by functions of the script's own.
make_site <- function(name, lati, long, heights = c(10, 30)) {
  cat('site', name, '\n')
  data.frame(run_time = start, lati = lati, long = long, zagl = heights)
}
afternoon <- function(day, hour = 18) {
  as.POSIXct(sprintf('%s %02d:00:00', day, hour), tz = 'UTC')
}
start <- afternoon('2021-09-03')
sites <- list(list('a', 35.1, -97.2), list('b', 36.6, -97.5))
receptors <- do.call(rbind, lapply(sites, function(s) make_site(s[[1]], s[[2]], s[[3]])))
offsets <- sapply(1:nrow(receptors), function(i) (i - 1) * 3600)
receptors$run_time <- receptors$run_time + offsets
count <- 0
tick <- function() {
  count <<- count + 1
  invisible(count)
}
tick(); tick()
n_hours <- -12 * count
numpar <- 100
span <- function(x, margin) c(min(x) - margin, max(x) + margin)
box <- span(receptors$long, 2)
xmn <- box[1]; xmx <- box[2]
ymn <- 33; ymx <- 39; xres <- 0.05; yres <- 0.05
met_path <- '/data/nam12'; met_file_format <- '%Y%m%d_nam12'; met_file_tres <- '1 day'
krand <- 2
