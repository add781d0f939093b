package graphfake

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Match says which requests a fault befalls. The zero value befalls all.
type Match struct {
	// Method and Path limit it to a method and to paths that begin so, as
	// "/v1.0/users/delta"; Query to those whose query holds the text, as
	// "$skiptoken".
	Method, Path, Query string
	// Nth befalls only the n-th request that fits so far, counted from 1 when the
	// fault is set; Times at most so many.
	Nth, Times int
	// Rate befalls a request with a probability, drawn from the server's seed; 0
	// befalls every one.
	Rate float64
}

// Effect changes an answer. Effects on pages leave other answers alone.
type Effect func(r *Reply, rng *rand.Rand)

type fault struct {
	Match
	effects   []Effect
	fit, done int
}

// Fault adds a fault. Of several effects one is drawn each time; All makes one
// of several. Faults befall an answer in the order they were added.
func (s *Server) Fault(m Match, effects ...Effect) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &fault{Match: m, effects: effects})
}

// Heal takes all faults away.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// spoil lets the faults befall an answer and returns how many did.
func (s *Server) spoil(r *http.Request, reply *Reply) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, f := range s.faults {
		if f.befalls(r, s.rng) && len(f.effects) > 0 {
			f.effects[s.rng.IntN(len(f.effects))](reply, s.rng)
			n++
		}
	}
	return n
}

func (f *fault) befalls(r *http.Request, rng *rand.Rand) bool {
	if f.Method != "" && f.Method != r.Method || !strings.HasPrefix(r.URL.Path, f.Path) || !holds(r.URL, f.Query) {
		return false
	}
	f.fit++
	if f.Nth > 0 && f.fit != f.Nth || f.Times > 0 && f.done >= f.Times || f.Rate > 0 && rng.Float64() >= f.Rate {
		return false
	}
	f.done++
	return true
}

func holds(u *url.URL, text string) bool {
	query, err := url.QueryUnescape(u.RawQuery)
	return text == "" || err == nil && strings.Contains(query, text)
}

// All makes one effect of several.
func All(effects ...Effect) Effect {
	return func(r *Reply, rng *rand.Rand) {
		for _, e := range effects {
			e(r, rng)
		}
	}
}

// Cut ends the connection when a share of the body, between 0 and 1, was sent.
func Cut(share float64) Effect {
	return func(r *Reply, _ *rand.Rand) {
		r.Break = func(body []byte) ([]byte, bool) { return body[:int(share*float64(len(body)))], true }
	}
}

// Malformed ends the JSON in the middle, in an answer that is whole as HTTP.
func Malformed() Effect {
	return func(r *Reply, _ *rand.Rand) {
		r.Break = func(body []byte) ([]byte, bool) { return append(body[:len(body)/2:len(body)/2], "\x00<"...), false }
	}
}

// Status answers with an error instead, in Graph's form.
func Status(status int) Effect {
	names := map[int][2]string{
		http.StatusInternalServerError: {"generalException", "An unspecified error has occurred."},
		http.StatusServiceUnavailable:  {"serviceNotAvailable", "The service is not available. Try the request again after a delay."},
		http.StatusTooManyRequests:     {"TooManyRequests", "Please retry again later."},
	}
	e := odataError{status, strings.ReplaceAll(http.StatusText(status), " ", ""), http.StatusText(status)}
	if name, ok := names[status]; ok {
		e.code, e.message = name[0], name[1]
	}
	return Fail(status, e.code, e.message)
}

// Fail answers with an error of a code and message of one's own.
func Fail(status int, code, message string) Effect {
	return func(r *Reply, _ *rand.Rand) { *r = Reply{Err: &odataError{status, code, message}} }
}

// RetryAfter adds the header to the answer.
func RetryAfter(d time.Duration) Effect {
	return func(r *Reply, _ *rand.Rand) { r.set("Retry-After", seconds(d)) }
}

// Throttle answers 429 and says when to come again (concepts/throttling.md).
func Throttle(d time.Duration) Effect { return All(Status(http.StatusTooManyRequests), RetryAfter(d)) }

// NearLimit tells that a share of the limit is used, between 0.8 and 1.8
// (concepts/throttling-limits.md).
func NearLimit(share float64) Effect {
	return func(r *Reply, _ *rand.Rand) {
		r.set("x-ms-throttle-limit-percentage", strconv.FormatFloat(share, 'f', 2, 64))
	}
}

// Gone answers that the token has expired.
func Gone() Effect {
	return func(r *Reply, _ *rand.Rand) {
		location := ""
		if r.Page != nil {
			location, _, _ = strings.Cut(r.Page.Self, "?")
			location += "?$deltatoken="
		}
		*r = *resync(location)
	}
}

// onPage is an effect on pages.
func onPage(f func(p *Page, rng *rand.Rand)) Effect {
	return func(r *Reply, rng *rand.Rand) {
		if r.Page != nil && r.Err == nil && r.Page.Self != "" {
			f(r.Page, rng)
		}
	}
}

// EmptyPage answers with no object and a link to the page that was asked for.
func EmptyPage() Effect {
	return onPage(func(p *Page, _ *rand.Rand) { p.Items, p.Next, p.Delta = nil, p.Self, "" })
}

// Replay answers with the page and a link to the same page again.
func Replay() Effect {
	return onPage(func(p *Page, _ *rand.Rand) { p.Next, p.Delta = p.Self, "" })
}

// Reorder shuffles the objects of the page.
func Reorder() Effect {
	return onPage(func(p *Page, rng *rand.Rand) {
		rng.Shuffle(len(p.Items), func(i, j int) { p.Items[i], p.Items[j] = p.Items[j], p.Items[i] })
	})
}

// Duplicate tells each object of the page with an even chance a second time, at
// the end of the page.
func Duplicate() Effect {
	return onPage(func(p *Page, rng *rand.Rand) {
		for _, item := range p.Items {
			if rng.IntN(2) == 0 {
				p.Items = append(p.Items, item)
			}
		}
	})
}

// Delay holds the answer back.
func Delay(d time.Duration) Effect { return func(r *Reply, _ *rand.Rand) { r.Wait += d } }

// OtherHost leads the links of the page to another host, as "evil.example:443".
func OtherHost(host string) Effect {
	move := func(link string) string {
		u, err := url.Parse(link)
		if link == "" || err != nil {
			return link
		}
		u.Host = host
		return u.String()
	}
	return onPage(func(p *Page, _ *rand.Rand) { p.Next, p.Delta = move(p.Next), move(p.Delta) })
}
