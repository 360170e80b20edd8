# The same in pipes, base R's and magrittr's.
hours <- seq(as.POSIXct('2023-06-01', tz = 'UTC'), as.POSIXct('2023-06-02', tz = 'UTC'), by = 'hour')
receptors <- expand.grid(run_time = hours, lati = 51.5, long = c(-0.12, 0.05), zagl = 10) |>
  subset(format(run_time, '%H') %in% c('12', '13')) |>
  transform(zagl = ifelse(long > 0, zagl + 5, zagl))
times <- c(3, 1, 2) |> sort() |> rev()
receptors <- receptors |> rbind(receptors |> head(1) |> transform(zagl = 100))
n_hours <- times |> max() * -8
250 -> numpar
c(-2, 2) -> box
xmn <- box[1]; xmx <- box[2]; ymn <- 50; ymx <- 53; xres <- 0.1; yres <- 0.1
met_path <- '/data/gdas0p5'
met_file_format <- '%Y%m%d_gdas0p5'
met_file_tres <- '1 day'
krand <- 2
