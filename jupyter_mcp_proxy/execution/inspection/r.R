# Runs in R kernels when their variables are listed, and displays them: a line each, its fields parted by tabs.
#
# It asks no generic function that a class may have a method for, and whatever the user has named like a function of
# R's own is not met. A failure in it must not become an error of the cell: IRkernel empties its queue after one.
base::invisible(base::tryCatch(IRdisplay::publish_mimebundle(base::list("text/plain" = base::eval(base::quote({
  short <- function(text) if (nchar(text) > 80L) paste0(substr(text, 1L, 79L), "...") else text
  shown <- function(x) {
    x <- x[seq_len(min(5L, length(x)))]
    if (!is.character(x)) return(as.character(x))
    paste0(encodeString(substr(x, 1L, 60L), quote = "\""), c("", "...")[1L + (!is.na(x) & nchar(x) > 60L)])
  }
  some <- function(words, count) short(paste0(paste(words, collapse = ", "), if (count > length(words)) ", ..."))
  about <- function(x) {
    if (is.environment(x) || isS4(x)) return("")
    if (inherits(x, "data.frame")) {
      columns <- attr(x, "names")
      first <- seq_len(min(8L, length(columns)))
      kinds <- vapply(unclass(x)[first], function(column) class(column)[1L], "")
      told <- paste(columns[first], kinds)
      return(paste0(.row_names_info(x, 2L), " x ", length(columns), ": ", some(told, length(columns))))
    }
    size <- attr(x, "dim")
    if (!is.null(size)) return(paste(paste(size, collapse = " x "), typeof(x)))
    if (inherits(x, "factor")) return(paste(length(unclass(x)), "values,", length(attr(x, "levels")), "levels"))
    if (is.object(x)) return(if (is.atomic(x)) paste(length(unclass(x)), "values") else "")
    if (is.atomic(x) && !is.null(x)) {
      values <- some(shown(x), length(x))
      return(if (length(x) == 1L) values else paste0(length(x), " values: ", values))
    }
    if (is.list(x)) {
      names <- attr(x, "names")
      names <- if (is.null(names)) "" else some(names[seq_len(min(5L, length(names)))], length(names))
      return(paste0(length(x), " items", if (nzchar(names)) paste0(": ", names)))
    }
    ""
  }
  lines <- character(0)
  all <- ls(globalenv(), sorted = TRUE)
  for (name in all[seq_len(min(5000L, length(all)))]) {
    told <- if (bindingIsActive(as.name(name), globalenv())) {
      c("active binding", "")
    } else {
      x <- tryCatch(get(name, envir = globalenv(), inherits = FALSE), error = function(e) NULL)
      if (is.function(x)) next
      c(class(x)[1L], tryCatch(about(x), error = function(e) ""))
    }
    lines <- c(lines, paste(gsub("[[:cntrl:]]", " ", c(name, told)), collapse = "\t"))
  }
  paste0(paste(lines, collapse = "\n"), "\n")
}), base::new.env(parent = base::baseenv())))), error = function(e) NULL))
