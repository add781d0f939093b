package web

import (
	"fmt"
	"io/fs"
	"math"
	"regexp"
	"testing"
)

var colourPattern = regexp.MustCompile(`--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)`)

// luminance is WCAG 2.2's relative luminance of an sRGB colour.
func luminance(hex string) float64 {
	var c [3]uint8
	if _, err := fmt.Sscanf(hex, "#%02x%02x%02x", &c[0], &c[1], &c[2]); err != nil {
		return math.NaN()
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v := float64(c[i]) / 255
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// TestContrast holds every pair of colours that meet to WCAG AA, in light and
// dark: 4.5 for words, 3 for what marks the edge of a control.
func TestContrast(t *testing.T) {
	colours := map[string][2]string{}
	for _, sheet := range []string{"usher.css", "console.css"} {
		css, err := fs.ReadFile(staticFiles, "static/"+sheet)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range colourPattern.FindAllStringSubmatch(string(css), -1) {
			colours[m[1]] = [2]string{m[2], m[3]}
		}
	}
	for _, c := range []struct {
		front, back string
		want        float64
	}{
		{"ink", "paper", 4.5}, {"ink", "ground", 4.5}, {"soft", "paper", 4.5}, {"soft", "ground", 4.5},
		{"accent", "paper", 4.5}, {"accent", "ground", 4.5}, {"accent-strong", "paper", 4.5}, {"accent-ink", "accent", 4.5}, {"accent-ink", "accent-strong", 4.5},
		{"bad", "paper", 4.5}, {"bad", "bad-ground", 4.5}, {"good", "good-ground", 4.5},
		{"good", "paper", 4.5}, {"good", "ground", 4.5}, {"bad", "ground", 4.5}, {"ink", "bad-ground", 4.5}, {"accent", "busy-ground", 4.5},
		{"busy", "paper", 4.5}, {"busy", "ground", 4.5}, {"busy", "busy-ground", 4.5}, {"ink", "busy-ground", 4.5},
		{"edge", "paper", 3}, {"edge", "ground", 3},
	} {
		for i, scheme := range []string{"light", "dark"} {
			// A colour that is not there makes NaN, which is not enough either.
			if got := contrast(colours[c.front][i], colours[c.back][i]); !(got >= c.want) {
				t.Errorf("%s on %s in %s: %.2f, want %.1f", c.front, c.back, scheme, got, c.want)
			}
		}
	}
}
