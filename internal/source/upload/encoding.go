package upload

import (
	"bytes"
	"io"
	"math"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Encoding is how the text of a CSV file is written.
type Encoding string

// The encodings that are found and read. A byte-order mark is skipped in all.
const (
	UTF8    Encoding = "utf-8"
	UTF16LE Encoding = "utf-16le"
	UTF16BE Encoding = "utf-16be"
	CP1251  Encoding = "windows-1251"
	CP1252  Encoding = "windows-1252"
)

// Encodings lists the encodings, the likeliest first.
func Encodings() []Encoding { return []Encoding{UTF8, CP1251, CP1252, UTF16LE, UTF16BE} }

// decoders is the one table between an encoding and how it is read.
func decoder(e Encoding) (encoding.Encoding, bool) {
	enc, ok := map[Encoding]encoding.Encoding{
		UTF8: unicode.UTF8BOM, CP1251: charmap.Windows1251, CP1252: charmap.Windows1252,
		UTF16LE: unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), UTF16BE: unicode.UTF16(unicode.BigEndian, unicode.UseBOM),
	}[e]
	return enc, ok
}

// decode gives the text of a file as UTF-8. What is not text in the encoding
// becomes U+FFFD.
func decode(r io.Reader, e Encoding) io.Reader {
	enc, ok := decoder(e)
	if !ok {
		enc = unicode.UTF8BOM
	}
	return transform.NewReader(r, enc.NewDecoder())
}

// Guess is something that was found by looking, with how sure that is, from 0
// to 1.
type Guess[T ~string] struct {
	Value      T       `json:"value"`
	Confidence float64 `json:"confidence"`
	Why        string  `json:"why"`
}

// detector looks at a whole file, piece by piece: a file may be plain ASCII for
// a thousand rows and have its first accent in the last.
type detector struct {
	head []byte // the first bytes, for marks
	// rest is the end of a piece that may be half a character.
	rest    []byte
	invalid int // bytes that are no UTF-8
	wide    int // characters beyond ASCII, as UTF-8
	nul     [2]int
	n       int64
	high    [256]int64
	// inner counts bytes beyond ASCII that stand beside another such letter, alone
	// those that do not: words of Cyrillic letters are all such bytes, while the
	// languages of Western Europe have few in a word.
	inner, alone int64
	last         byte
}

const headSize = 4

// Write takes in a piece; it never fails.
func (d *detector) Write(p []byte) (int, error) {
	if missing := headSize - len(d.head); missing > 0 {
		d.head = append(d.head, p[:min(missing, len(p))]...)
	}
	for _, b := range p {
		if b == 0 {
			d.nul[d.n&1]++
		}
		d.n++
		if b >= 0x80 {
			d.high[b]++
		}
		if letterHigh(d.last) {
			if letterHigh(b) {
				d.inner++
			} else {
				d.alone++
			}
		}
		d.last = b
	}
	d.utf8(p)
	return len(p), nil
}

// letterHigh reports whether a byte is a letter beyond ASCII in both CP1251 and
// CP1252, more or less.
func letterHigh(b byte) bool { return b >= 0xC0 || b == 0xA8 || b == 0xB8 }

func (d *detector) utf8(p []byte) {
	if len(d.rest) > 0 {
		p = append(d.rest, p...)
		d.rest = nil
	}
	for len(p) > 0 {
		if p[0] < utf8.RuneSelf {
			p = p[1:]
			continue
		}
		if !utf8.FullRune(p) {
			d.rest = bytes.Clone(p)
			return
		}
		r, size := utf8.DecodeRune(p)
		if r == utf8.RuneError && size == 1 {
			d.invalid++
		} else {
			d.wide++
		}
		p = p[size:]
	}
}

// guess says what the bytes are.
func (d *detector) guess() Guess[Encoding] {
	switch {
	case bytes.HasPrefix(d.head, []byte{0xEF, 0xBB, 0xBF}):
		return Guess[Encoding]{UTF8, 1, "byte-order mark"}
	case bytes.HasPrefix(d.head, []byte{0xFF, 0xFE}):
		return Guess[Encoding]{UTF16LE, 1, "byte-order mark"}
	case bytes.HasPrefix(d.head, []byte{0xFE, 0xFF}):
		return Guess[Encoding]{UTF16BE, 1, "byte-order mark"}
	}
	// Separators and digits have a zero byte in UTF-16, in whatever language.
	if often := float64(d.n) / 50; float64(d.nul[0]+d.nul[1]) > often {
		if d.nul[1] > d.nul[0] {
			return Guess[Encoding]{UTF16LE, 0.9, "zero bytes at odd places"}
		}
		return Guess[Encoding]{UTF16BE, 0.9, "zero bytes at even places"}
	}
	bad := d.invalid + len(d.rest)
	switch {
	case bad == 0 && d.wide == 0:
		return Guess[Encoding]{UTF8, 1, "nothing but ASCII"}
	case bad == 0:
		return Guess[Encoding]{UTF8, 0.99, "valid UTF-8"}
	case bad*50 < d.wide:
		return Guess[Encoding]{UTF8, 0.6, "UTF-8 with a few broken characters"}
	}
	return d.codePage()
}

// codePage tells the two code pages apart.
func (d *detector) codePage() Guess[Encoding] {
	cyrillic := float64(d.inner+1) / float64(d.inner+d.alone+2)
	// These bytes are no characters in one of the two.
	if d.high[0x81]+d.high[0x8D]+d.high[0x8F]+d.high[0x90]+d.high[0x9D] > 0 {
		cyrillic = max(cyrillic, 0.9)
	}
	if d.high[0x98] > 0 {
		cyrillic = min(cyrillic, 0.1)
	}
	round := func(f float64) float64 { return math.Round(min(f, 0.95)*100) / 100 }
	if cyrillic > 0.5 {
		return Guess[Encoding]{CP1251, round(cyrillic), "words of Cyrillic letters"}
	}
	return Guess[Encoding]{CP1252, round(1 - cyrillic), "single accented letters"}
}
