# Settings in files of their own.
Sys.setenv(TZ = 'UTC')
source('r/config.r')
source(file.path('r', 'places.r'))
stilt_wd <- file.path(base_dir, project)
source(file.path(stilt_wd, 'r/dependencies.r'))
run_times <- as.POSIXct(c(first_time, last_time))
receptors <- expand.grid(run_time = run_times, lati = place$lati, long = place$long, zagl = place$zagl)
xmn <- area$west; xmx <- area$east; ymn <- area$south; ymx <- area$north
xres <- area[['res']]; yres <- xres
