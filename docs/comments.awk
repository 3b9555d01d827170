# Prints a header with its plain comments in doxygen's forms, line by line:
#   the first comment             the main page
#   /* ---- title. text ---- */   a group of the declarations up to the next one
#   /* text */                    on lines of its own describes what follows; after code, what is before it
#   a line indented in a comment  stays a line of its own (formulas)
function end_of(comment) {
    sub(/ *-* *\*\/$/, "", comment)
    if (kind == "page") return comment " @mainpage smx */ /** @file */"
    if (kind == "section") return comment " @defgroup smx_" sections " " title " */ /** @{ */"
    return comment " */"
}

/^\/\* ---- / {
    kind = "section"
    closed = sections++ ? "/** @} */ " : ""
    title = substr($0, 9)
    sub(/ ----.*/, "", title)
    text = title
    sub(/[.:].*/, "", title)
    text = length(text) > length(title) ? substr(text, length(title) + 3) : ""
    ended = $0 ~ /\*\/$/
    line = closed "/** " text
    print ended ? end_of(line) : line
    commented = !ended
    next
}
!commented && /^ *\/\*/ {
    kind = NR == 1 ? "page" : "text"
    sub(/\/\*/, "/**")
    commented = 1
}
commented && /^ \*     / {
    sub(/^ \* +/, "")
    $0 = " * @verbatim " $0 " @endverbatim"
}
commented {
    ended = $0 ~ /\*\/$/
    print ended ? end_of($0) : $0
    commented = !ended
    next
}
/\/\* / {
    sub(/\/\* /, "/**< ")
    kind = "text"
    commented = $0 !~ /\*\/$/
}
{ print }
END { if (sections) print "/** @} */" }
