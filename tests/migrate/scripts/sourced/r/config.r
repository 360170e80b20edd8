base_dir <- '/srv/stilt'
project <- 'munich'
first_time <- '2023-04-01 10:00:00'
last_time <- '2023-04-01 11:30:00'
n_hours <- -14
numpar <- 500
krand <- 2
delt <- 5
met_path <- '/srv/met/era5'
met_file_format <- 'ERA5.%Y%m%d.ARL'
met_file_tres <- '1 day'
area <- list(west = 10.5, east = 12.5, south = 47.5, north = 48.8, res = 0.05)
