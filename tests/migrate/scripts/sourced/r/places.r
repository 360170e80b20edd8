place <- list()
place$lati <- 48.15
place$long <- 11.57
place[['zagl']] <- c(50)
place$zagl[2] <- 35
