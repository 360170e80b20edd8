# One script for several machines and several products.
run_mode <- 'winter'
on_cluster <- FALSE
met <- 'HRRR'
if (run_mode == 'summer') {
  t_start <- '2019-07-01 18:00:00'
  n_hours <- -24
} else if (run_mode == 'winter') {
  t_start <- '2019-01-15 18:00:00'
  n_hours <- -36
} else {
  stop('no such mode')
}
formats <- c('NAMS' = '%Y%m%d_hysplit.t00z.namsa', 'HRRR' = '%Y%m%d.%Hz.hrrra')
met_file_format <- formats[met]
met_file_tres <- if (met == 'HRRR') '6 hours' else '1 day'
met_path <- ifelse(on_cluster, '/scratch/met', file.path('/data', tolower(met)))
if (on_cluster) n_cores <- 16 else n_cores <- 2
slurm <- on_cluster
numpar <- 400
if (numpar > 1000) numpar <- 1000
if (!on_cluster && numpar > 200) {
  numpar <- 200
}
zagl <- if (run_mode == 'winter') c(5, 50) else 5
if (!require(dplyr)) install.packages('dplyr')
if (file.exists('/tmp/lock')) unlink('/tmp/lock')
receptors <- expand.grid(run_time = as.POSIXct(t_start, tz = 'UTC'), lati = 40.5, long = -112, zagl = zagl)
xmn <- -113; xmx <- -111; ymn <- 40; ymx <- 42; xres <- 0.01; yres <- 0.01
krand <- 2
