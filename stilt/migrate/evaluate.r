# Evaluates a script of settings for `stilt init --from run_stilt.r --with-r`:
#   Rscript evaluate.r SCRIPT FOLDER ANSWER MUTED WANTED
# Statements are evaluated one by one. In place of what would change files, start processes or run STILT (MUTED, by
# name, with commas between) stands a function that does nothing; what stilt_apply is given is kept. ANSWER becomes
# JSON: the variables of WANTED, those arguments, and the statements that R could not evaluate.

local({
  arguments <- commandArgs(trailingOnly = TRUE)
  folder <- normalizePath(arguments[2])
  muted <- strsplit(arguments[4], ",")[[1]]
  wanted <- strsplit(arguments[5], ",")[[1]]
  shield <- new.env(parent = globalenv())
  script <- new.env(parent = shield)
  answer <- list(failed = list(), calls = list(), count = 0, line = 0)

  here <- function(file) {
    near <- file.path(folder, basename(file))
    if (!file.exists(file) && startsWith(file, "/") && file.exists(near)) near else file
  }
  end <- function(...) signalCondition(structure(class = c("script_end", "condition"), list(message = "", call = NULL)))
  # Values in a list of their own: a NULL stays one, and what cannot be evaluated says so.
  keep <- function(nodes, where) {
    kept <- list()
    for (name in setdiff(names(nodes), c("", "FUN", "X"))) {
      kept[[name]] <- tryCatch(list(value = eval(nodes[[name]], where)),
                               error = function(e) list(failed = conditionMessage(e), line = answer$line))
    }
    answer$calls[[length(answer$calls) + 1]] <<- kept
    invisible(NULL)
  }
  step <- function(...) keep(as.list(substitute(list(...)))[-1], parent.frame())
  attach_package <- function(package, ..., character.only = FALSE) {
    name <- if (character.only) package else as.character(substitute(package))
    invisible(suppressWarnings(suppressPackageStartupMessages(base::require(name, character.only = TRUE))))
  }

  for (name in muted) assign(name, function(...) invisible(NULL), envir = shield)
  for (name in c("stilt_apply", "xstilt_apply", "simulation_step")) assign(name, step, envir = shield)
  for (name in c("q", "quit")) assign(name, end, envir = shield)
  for (name in c("library", "require")) assign(name, attach_package, envir = shield)
  shield$mclapply <- function(X, FUN, ..., mc.cores) lapply(X, FUN, ...)  # what is done in a fork is not seen here
  shield$parLapply <- function(cl, X, fun, ...) lapply(X, fun, ...)
  shield$setwd <- function(dir) if (dir.exists(dir)) base::setwd(dir)
  shield$source <- function(file, ...) if (!grepl("(^|/)dependencies\\.r$", file)) run(here(file))
  shield$readRDS <- function(file, ...) base::readRDS(here(file), ...)
  shield$read.csv <- function(file, ...) utils::read.csv(here(file), ...)
  shield$read.table <- function(file, ...) utils::read.table(here(file), ...)
  assign("::", function(package, name) {
    name <- as.character(substitute(name))
    if (exists(name, envir = shield, inherits = FALSE)) return(get(name, envir = shield))
    getExportedValue(as.character(substitute(package)), name)
  }, envir = shield)

  root <- function(node) {
    while (is.call(node) && length(node) > 1) node <- node[[2]]
    as.character(node)
  }
  # Names that a statement may have set ("*": any): after it failed they are not what it would have made of them.
  changed <- function(node, depth = 0) {
    if (!is.call(node)) return(character())
    inner <- unlist(lapply(as.list(node)[-1], function(part) if (missing(part)) character() else changed(part, depth)))
    head <- if (is.name(node[[1]])) as.character(node[[1]]) else ""
    if (head %in% c("<-", "=", "<<-", "for")) inner <- c(root(node[[2]]), inner)
    if (head == "assign" && is.character(node[[2]])) inner <- c(node[[2]], inner)
    if (head %in% c("source", "sys.source", "eval", "evalq", "load", "attach", "list2env")) inner <- c("*", ls(script, all.names = TRUE))
    own <- if (nzchar(head)) script[[head]] else NULL
    if (is.function(own) && depth < 5) inner <- c(outer_only(body(own), depth + 1), inner)
    if (head %in% c("stilt_apply", "xstilt_apply", "simulation_step")) inner <- c("stilt_apply", inner)
    unique(inner)
  }
  # What a function of the script's own changes outside of itself.
  outer_only <- function(node, depth) {
    if (!is.call(node)) return(character())
    inner <- unlist(lapply(as.list(node)[-1], function(part) if (missing(part)) character() else outer_only(part, depth)))
    head <- if (is.name(node[[1]])) as.character(node[[1]]) else ""
    if (head == "<<-" || head == "assign") inner <- c(if (head == "assign") node[[2]] else root(node[[2]]), inner)
    c(as.character(inner), if (head %in% c("source", "eval", "load")) c("*", ls(script, all.names = TRUE)))
  }
  fail <- function(line, file, why, names) {
    answer$failed[[length(answer$failed) + 1]] <<- list(line = line, file = file, why = why, names = as.list(names))
    rm(list = intersect(names, ls(script, all.names = TRUE)), envir = script)
  }
  run <- function(path) {
    file <- basename(path)
    nodes <- parse(path, keep.source = TRUE, encoding = "UTF-8")
    lines <- vapply(attr(nodes, "srcref"), function(place) as.integer(place)[1], 1L)
    for (i in seq_along(nodes)) {
      answer$count <<- answer$count + 1
      answer$line <<- lines[i]
      tryCatch(suppressWarnings(eval(nodes[[i]], script)),
               error = function(e) fail(lines[i], file, conditionMessage(e), changed(nodes[[i]])))
    }
    invisible(NULL)
  }

  quoted <- function(text) {
    if (!length(text)) return(character())
    text <- gsub("\\", "\\\\", enc2utf8(as.character(text)), fixed = TRUE)
    text <- gsub("\"", "\\\"", text, fixed = TRUE)
    text <- gsub("\n", "\\n", text, fixed = TRUE)
    paste0("\"", gsub("[[:cntrl:]]", " ", text), "\"")
  }
  array <- function(parts) paste0("[", paste(parts, collapse = ","), "]")
  object <- function(names, parts) {
    if (length(parts)) paste0("{", paste(quoted(names), parts, sep = ":", collapse = ","), "}") else "{}"
  }
  plain <- function(x) {
    if (is.character(x)) return(array(ifelse(is.na(x), "null", quoted(x))))
    found <- if (is.logical(x)) tolower(as.character(x)) else format(as.numeric(x), digits = 17, trim = TRUE, scientific = NA)
    found[is.na(x)] <- "null"
    found <- sub("Inf", "1e999", found, fixed = TRUE)  # beyond all numbers, as JSON can say it
    array(found)
  }
  json <- function(x) {
    named <- if (is.null(names(x))) "null" else array(quoted(names(x)))
    if (is.null(x)) return("null")
    if (is.data.frame(x)) return(object("frame", object(names(x), vapply(x, json, ""))))
    if (inherits(x, "POSIXlt")) x <- as.POSIXct(x)
    if (inherits(x, "POSIXct")) return(object("times", plain(as.numeric(x))))
    if (inherits(x, "Date")) return(object("days", plain(as.numeric(x))))
    if (is.factor(x)) x <- as.character(x)
    if (is.list(x)) return(object(c("list", "names"), c(array(vapply(x, json, "")), named)))
    if (is.atomic(x) && (is.numeric(x) || is.character(x) || is.logical(x)))
      return(object(c("vector", "names"), c(plain(x), named)))
    "null"
  }

  setwd(folder)
  tryCatch(run(arguments[1]), script_end = function(e) NULL, error = function(e) {
    answer$broken <<- gsub("\n", " ", conditionMessage(e), fixed = TRUE)
  })
  there <- Filter(function(name) !is.function(script[[name]]), intersect(wanted, ls(script)))
  values <- object(there, vapply(there, function(name) json(script[[name]]), ""))
  calls <- vapply(answer$calls, function(call) {
    object(names(call), vapply(call, function(part) {
      if (is.null(part$failed)) object("value", json(part$value)) else
        object(c("failed", "line"), c(quoted(part$failed), part$line))
    }, ""))
  }, "")
  failed <- vapply(answer$failed, function(one) {
    object(c("line", "file", "why", "names"),
           c(one$line, quoted(one$file), quoted(one$why), array(quoted(unlist(one$names)))))
  }, "")
  broken <- if (is.null(answer$broken)) "null" else quoted(answer$broken)
  text <- object(c("values", "calls", "failed", "count", "broken", "zone"),
                 c(values, array(calls), array(failed), answer$count, broken, quoted(Sys.timezone())))
  con <- file(arguments[3], open = "wb")
  writeLines(enc2utf8(text), con, useBytes = TRUE)
  close(con)
})
