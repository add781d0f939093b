package upload

import (
	"strings"
	"unicode/utf8"
)

// formulaMarks begin a cell that a spreadsheet would calculate (OWASP, CSV
// injection).
const formulaMarks = "=+-@\t\r\n＝＋－＠"

// formula reports whether a spreadsheet would calculate the cell once an
// apostrophe or more are off its beginning.
func formula(cell string) bool {
	first, size := utf8.DecodeRuneInString(strings.TrimLeft(cell, "'"))
	return size > 0 && strings.ContainsRune(formulaMarks, first)
}

// Inert makes a cell one that no spreadsheet calculates, by the apostrophe that
// a person would type for it.
func Inert(cell string) string {
	if formula(cell) {
		return "'" + cell
	}
	return cell
}

// unformula takes the apostrophe of Inert off again: +39 06 1 comes back from a
// spreadsheet as '+39 06 1.
func unformula(cell string) string {
	if strings.HasPrefix(cell, "'") && formula(cell) {
		return cell[1:]
	}
	return cell
}
