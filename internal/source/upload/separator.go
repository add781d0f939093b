package upload

import (
	"errors"
	"io"
	"math"
)

// Separators are the characters that may stand between cells, by name, the
// likeliest first.
func Separators() []Separator { return []Separator{Semicolon, Comma, Tab, Pipe} }

// Separator stands between cells.
type Separator string

// The separators that are found and read.
const (
	Semicolon Separator = ";"
	Comma     Separator = ","
	Tab       Separator = "\t"
	Pipe      Separator = "|"
)

// separatorNames is the one table between a separator and its word.
var separatorNames = map[Separator]string{Semicolon: "semicolon", Comma: "comma", Tab: "tab", Pipe: "pipe"}

// Name is the separator in a word.
func (s Separator) Name() string { return separatorNames[s] }

// ParseSeparator takes a separator as people write it: the character, or its
// name.
func ParseSeparator(text string) (Separator, bool) {
	for s, name := range separatorNames {
		if text == string(s) || text == name || s == Tab && text == `\t` {
			return s, true
		}
	}
	return "", false
}

// sampled is how many records a separator is judged by.
const sampled = 50

// guessSeparator tries each separator on the beginning of a file: the right one
// cuts every row into the same number of cells, and into more than one.
func guessSeparator(open func() (io.ReadCloser, error), e Encoding) (Guess[Separator], error) {
	best := Guess[Separator]{Value: Comma, Why: "one column"}
	for _, s := range Separators() {
		r, err := open()
		if err != nil {
			return best, err
		}
		t := newCSV(r, e, rune(s[0]))
		told, score, err := judge(t)
		if err := errors.Join(err, r.Close()); err != nil {
			return best, err
		}
		if told != 0 {
			if s, ok := ParseSeparator(string(told)); ok {
				return Guess[Separator]{s, 1, "the file says so"}, nil
			}
		}
		if score > best.Confidence {
			best = Guess[Separator]{s, math.Round(score*100) / 100, "cuts the rows evenly"}
		}
	}
	return best, nil
}

// judge reads some records and says how evenly they are cut, and what the file
// itself says.
func judge(t *csvTable) (told rune, score float64, err error) {
	first, err := t.line()
	if errors.Is(err, io.EOF) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	if told, ok := separatorLine(first.text); ok {
		return told, 0, nil
	}
	t.unread([]line{first})
	counts, rows := map[int]int{}, 0
	for rows < sampled {
		rec, err := t.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, 0, err
		}
		rows++
		if rec.Problem == "" && len(rec.Cells) > 1 {
			counts[len(rec.Cells)]++
		}
	}
	most, width := 0, 0
	for n, rows := range counts {
		if rows > most || rows == most && n > width {
			most, width = rows, n
		}
	}
	if rows == 0 || most == 0 {
		return 0, 0, nil
	}
	even := float64(most) / float64(rows)
	// Of two that cut evenly the one that makes more cells is right.
	return 0, even * (1 - 0.3/float64(width)), nil
}
