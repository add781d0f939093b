package config

import (
	"slices"
	"strings"
)

// nearest returns the word that a mistyped one most likely meant, or "" when
// nothing is near: at most two slips, and fewer in short words.
func nearest(word string, words []string) string {
	best, bestSlips := "", min(2, len(word)/2)+1
	for _, w := range slices.Sorted(slices.Values(words)) {
		if n := slips(strings.ToLower(word), strings.ToLower(w)); n < bestSlips {
			best, bestSlips = w, n
		}
	}
	return best
}

// slips counts the insertions, deletions and replacements that turn a into b:
// the Levenshtein distance, in bytes.
func slips(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
