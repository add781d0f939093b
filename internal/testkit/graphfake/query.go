package graphfake

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// query are the OData options of a request (concepts/query-parameters.md).
type query struct {
	sel, expand []string
	filter      []clause // any of them
	top         int      // 0 when not asked for
	count       bool
	// skip and delta are the tokens; hasDelta tells an empty $deltatoken, which
	// begins anew, from none.
	skip, delta string
	hasDelta    bool
	// options are those that a token carries on, by their names in lower case.
	options url.Values
	// unknown are options that the simulator does not serve.
	unknown []string
}

// clause is one comparison of a $filter.
type clause struct{ property, value string }

const (
	maxTop     = 999 // api/user-list.md
	defaultTop = 100
	// maxClauses is how many objects a delta query may be filtered to
	// (api/user-delta.md).
	maxClauses = 50
)

// parseQuery reads the options. Their names may lack the dollar and are read
// without regard to case, as Graph reads them.
func parseQuery(raw string) (query, *odataError) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return query{}, badRequest("BadRequest", "Invalid query string.")
	}
	q := query{options: url.Values{}}
	for name, all := range values {
		value := all[0]
		name = strings.ToLower(strings.TrimPrefix(name, "$"))
		var bad *odataError
		switch name {
		case "select":
			q.sel = split(value)
		case "expand":
			q.expand = split(value)
		case "filter":
			q.filter, bad = parseFilter(value)
		case "top":
			q.top, bad = parseTop(value)
		case "count":
			q.count = strings.EqualFold(value, "true")
		case "skiptoken":
			q.skip = value
			continue
		case "deltatoken":
			q.delta, q.hasDelta = value, true
			continue
		default:
			q.unknown = append(q.unknown, name)
			continue
		}
		if bad != nil {
			return query{}, bad
		}
		q.options.Set(name, value)
	}
	slices.Sort(q.unknown)
	return q, nil
}

func split(list string) []string {
	var all []string
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}

func parseTop(value string) (int, *odataError) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > maxTop {
		return 0, badRequest("Request_UnsupportedQuery", fmt.Sprintf("Invalid page size specified: '%s'. Must be between 1 and %d inclusive.", value, maxTop))
	}
	return n, nil
}

// parseFilter reads comparisons by eq and in, joined by or: what delta queries
// take (api/user-delta.md) and what finds one object in a list.
func parseFilter(text string) ([]clause, *odataError) {
	words, ok := lex(text)
	if !ok {
		return nil, badRequest("BadRequest", "Invalid filter clause: there is an unterminated string literal.")
	}
	p := filterParser{words: words}
	for {
		if !p.comparison(0) {
			return nil, unsupported("Unsupported Query.")
		}
		if len(p.words) == 0 {
			return p.found, nil
		}
		if !p.take("or") {
			return nil, unsupported("Unsupported Query.")
		}
	}
}

// word is one token of a filter.
type word struct {
	text    string
	literal bool // was quoted
}

// lex cuts a filter into words. It fails on a string that does not end.
func lex(text string) ([]word, bool) {
	var words []word
	for text = strings.TrimLeft(text, " "); text != ""; text = strings.TrimLeft(text, " ") {
		switch {
		case text[0] == '\'':
			value, rest, ok := literal(text[1:])
			if !ok {
				return nil, false
			}
			words, text = append(words, word{value, true}), rest
		case strings.IndexByte("(),", text[0]) >= 0:
			words, text = append(words, word{text: text[:1]}), text[1:]
		default:
			end := strings.IndexAny(text, " (),'")
			if end < 0 {
				end = len(text)
			}
			words, text = append(words, word{text: text[:end]}), text[end:]
		}
	}
	return words, true
}

// literal reads a string up to its closing quote; a doubled quote is one.
func literal(text string) (value, rest string, ok bool) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "'")
		if !found {
			return "", "", false
		}
		b.WriteString(before)
		if !strings.HasPrefix(after, "'") {
			return b.String(), after, true
		}
		b.WriteByte('\'')
		text = after[1:]
	}
}

type filterParser struct {
	words []word
	found []clause
}

func (p *filterParser) take(text string) bool {
	if len(p.words) > 0 && !p.words[0].literal && strings.EqualFold(p.words[0].text, text) {
		p.words = p.words[1:]
		return true
	}
	return false
}

func (p *filterParser) next() (word, bool) {
	if len(p.words) == 0 {
		return word{}, false
	}
	w := p.words[0]
	p.words = p.words[1:]
	return w, true
}

// maxNesting keeps a filter of brackets from exhausting the stack.
const maxNesting = 20

// comparison reads "name eq value", "name in (values)", or one in brackets.
func (p *filterParser) comparison(depth int) bool {
	if depth < maxNesting && p.take("(") {
		return p.comparison(depth+1) && p.take(")")
	}
	property, ok := p.next()
	if !ok || property.literal {
		return false
	}
	if p.take("eq") {
		value, ok := p.next()
		p.found = append(p.found, clause{property.text, value.text})
		return ok && (value.literal || value.text == "true" || value.text == "false")
	}
	if !p.take("in") || !p.take("(") {
		return false
	}
	for {
		value, ok := p.next()
		if !ok || !value.literal {
			return false
		}
		p.found = append(p.found, clause{property.text, value.text})
		if !p.take(",") {
			return p.take(")")
		}
	}
}
