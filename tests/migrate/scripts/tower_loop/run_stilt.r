#!/usr/bin/env Rscript
# One tower, the afternoons of two summers.
rm(list = ls())
library(parallel)
project <- 'tower'
stilt_wd <- file.path('/home/somebody', project)
output_wd <- file.path(stilt_wd, 'out')
lib.loc <- .libPaths()[1]
n_cores <- 8
n_nodes <- 2
slurm <- n_nodes > 1
slurm_options <- list(time = '10:00:00', account = 'atmos', partition = 'short')
years <- 2021:2022
hours <- formatC(18:20, width = 2, flag = '0')
run_times <- NULL
for (yy in 1:length(years)) {
  t_start <- paste0(years[yy], '-07-01 00:00:00')
  t_end   <- paste0(years[yy], '-07-02 23:00:00')
  some <- seq(from = as.POSIXct(t_start, tz = 'UTC'), to = as.POSIXct(t_end, tz = 'UTC'), by = 'hour')
  run_times <- c(run_times, some)
}
run_times <- as.POSIXct(as.numeric(run_times), tz = 'UTC', origin = '1970-01-01')
run_times <- run_times[format(run_times, format = '%H') %in% hours]
lati <- 44.05; long <- -71.29
zagl <- 30
receptors <- expand.grid(run_time = run_times, lati = lati, long = long, zagl = zagl,
                         KEEP.OUT.ATTRS = F, stringsAsFactors = F)
message('receptors: ', nrow(receptors))
xmn <- -74; xmx <- -69
ymn <- 42; ymx <- 46
xres <- 0.01
yres <- xres
met_path <- '/data/nams'
met_file_format <- '%Y%m%d_hysplit.t00z.namsa'
met_file_tres <- '1 day'
n_hours <- -48
numpar <- 500
krand <- 2
before_trajec <- function() {output}
before_footprint <- function() {output}
setwd(stilt_wd)
source('r/dependencies.r')
system(paste0('rm -r ', output_wd, '/footprints'), ignore.stderr = T)
for (d in c('by-id', 'particles', 'footprints')) {
  d <- file.path(output_wd, d)
  if (!file.exists(d))
    dir.create(d, recursive = T)
}
stilt_apply(FUN = simulation_step,
            slurm = slurm, slurm_options = slurm_options, n_cores = n_cores, n_nodes = n_nodes,
            before_footprint = list(before_footprint), lib.loc = lib.loc, krand = krand,
            met_path = met_path, met_file_format = met_file_format, met_file_tres = met_file_tres,
            n_hours = n_hours, numpar = numpar, output_wd = output_wd,
            r_run_time = receptors$run_time, r_lati = receptors$lati,
            r_long = receptors$long, r_zagl = receptors$zagl,
            xmn = xmn, xmx = xmx, ymn = ymn, ymx = ymx, xres = xres, yres = yres)
q('no')
