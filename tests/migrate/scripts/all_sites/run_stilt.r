# Everything in one loop over sites; STILT is called for each.
SITEs <- c('WBB', 'HAW', 'RPK')
places <- list(WBB = c(40.7634, -111.848, 36), HAW = c(40.7345, -111.8722, 4), RPK = c(40.7955, -111.931, 4))
for (ss in 1:length(SITEs)) {
  SITE <- SITEs[ss]
  print(paste('--- site', SITE))
  project <- 'many'
  output_wd <- file.path('/scratch', project, SITE)
  run_times <- seq(as.POSIXct('2024-08-01 20:00', tz = 'UTC'), as.POSIXct('2024-08-01 22:00', tz = 'UTC'), by = 'hour')
  if (SITE == 'WBB') {
    lati <- 40.7634; long <- -111.848; zagl <- 36
  }
  if (SITE != 'WBB') {
    where <- places[[SITE]]
    lati <- where[1]; long <- where[2]; zagl <- where[3]
  }
  receptors <- expand.grid(run_time = run_times, lati = lati, long = long, zagl = zagl)
  n_hours <- -24
  numpar <- 200
  xmn <- -113.1; xmx <- -111.7; ymn <- 40; ymx <- 41.75
  xres <- 0.01
  yres <- xres
  met_path <- '/data/hrrr/'
  met_file_format <- '%Y%m%d_%H'
  met_file_tres <- '6 hours'
  krand <- 2
  source('r/dependencies.r')
  stilt_apply(FUN = simulation_step, n_hours = n_hours, numpar = numpar, krand = krand,
              met_path = met_path, met_file_format = met_file_format, met_file_tres = met_file_tres,
              r_run_time = receptors$run_time, r_lati = receptors$lati, r_long = receptors$long,
              r_zagl = receptors$zagl + 1, output_wd = output_wd,
              xmn = xmn, xmx = xmx, ymn = ymn, ymx = ymx, xres = xres, yres = yres)
}
