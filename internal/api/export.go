package api

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/usherd/usher/internal/registry"
)

// format is how an answer is written.
type format string

const (
	formatJSON   format = "json"
	formatNDJSON format = "ndjson"
	formatCSV    format = "csv"
	// formatArray is a whole list as one JSON document, for people who save it; a
	// program reads lines.
	formatArray format = "array"
)

// mediaTypes is the one table between formats and media types.
var mediaTypes = []struct {
	format format
	media  string
}{{formatJSON, "application/json"}, {formatNDJSON, "application/x-ndjson"}, {formatCSV, "text/csv"}}

// formatOf chooses a format: the parameter's, else the one that Accept prefers.
func formatOf(q *request) (format, error) {
	if query := q.URL.Query(); query.Has(formatParam) && q.route.Export {
		for _, m := range mediaTypes {
			if string(m.format) == query.Get(formatParam) {
				return m.format, nil
			}
		}
		return "", refuse(registry.CodeBadRequest, "format is json, ndjson or csv").at(formatParam)
	}
	accept := strings.Join(q.Header.Values("Accept"), ",")
	if accept == "" {
		return formatJSON, nil
	}
	best, weight := format(""), 0.0
	for part := range strings.SplitSeq(accept, ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		w := 1.0
		if q, err := strconv.ParseFloat(params["q"], 64); err == nil {
			w = q
		}
		for _, m := range mediaTypes {
			whole, _, _ := strings.Cut(m.media, "/")
			if (media == m.media || media == "*/*" || media == whole+"/*") && w > weight && (q.route.Export || m.format == formatJSON) {
				best, weight = m.format, w
			}
		}
	}
	if best == "" {
		return "", refuse(registry.CodeNotAcceptable, "none of the formats that were asked for is given here")
	}
	return best, nil
}

// export writes a whole list, one page in memory at a time. A failure after the
// first page breaks the answer off, so that nobody takes it for the whole.
func (s *Server) export(w http.ResponseWriter, q *request, in reflect.Value, f format) error {
	p := paging(in)
	if p.Limit != 0 {
		return refuse(registry.CodeBadRequest, "an export has no limit: it is the whole list").at("limit")
	}
	p.Limit = exportLimit
	if err := s.unseal(p, q.list(in)); err != nil {
		return err
	}
	var rows rowWriter
	err := q.route.walk(q.Context(), &q.who, in, func(page pager) error {
		if rows == nil {
			rows = begin(w, q, f)
		}
		return rows.page(page.rows())
	})
	switch {
	case err != nil && rows == nil:
		return err
	case err != nil:
		s.cfg.Log.ErrorContext(q.Context(), "export broke off", "request_id", q.id, "error", err)
		s.audit(q, "export."+q.route.ID, registry.CodeInternal)
		panic(http.ErrAbortHandler)
	case rows == nil:
		rows = begin(w, q, f)
	}
	if err := rows.end(); err != nil {
		panic(http.ErrAbortHandler) // whoever asked has left
	}
	s.audit(q, "export."+q.route.ID, "")
	return nil
}

// stream writes a document that is written while it is read. A failure after it
// began breaks it off, so that nobody takes it for the whole.
func (s *Server) stream(w http.ResponseWriter, q *request, in reflect.Value) error {
	w.Header().Set("Content-Type", "application/json")
	to := &begun{Writer: w}
	err := q.route.stream(q.Context(), &q.who, in.Interface(), to)
	switch {
	case err != nil && !to.begun:
		return err
	case err != nil:
		s.cfg.Log.ErrorContext(q.Context(), "document broke off", "request_id", q.id, "error", err)
		s.audit(q, q.deed(), registry.CodeInternal)
		panic(http.ErrAbortHandler)
	}
	s.audit(q, q.deed(), "")
	return nil
}

// begun remembers whether anything was written.
type begun struct {
	io.Writer
	begun bool
}

// Write implements io.Writer.
func (b *begun) Write(p []byte) (int, error) {
	b.begun = true
	return b.Writer.Write(p)
}

// Export writes a whole list for somebody who asked on a page and whose right to
// it was seen there: the operation with that id, as "csv" or, a JSON array,
// "json". An error means that nothing was written.
func (s *Server) Export(w http.ResponseWriter, r *http.Request, who Who, operation, as string, path map[string]string, query url.Values) error {
	i := slices.IndexFunc(s.routes, func(r Route) bool { return r.ID == operation && r.Export })
	if i < 0 {
		return fmt.Errorf("no list is called %s", operation)
	}
	f := formatArray
	if as == string(formatCSV) {
		f = formatCSV
	}
	req := r.Clone(r.Context())
	req.URL = &url.URL{Path: r.URL.Path, RawQuery: query.Encode()}
	for name, value := range path {
		req.SetPathValue(name, value)
	}
	q := &request{Request: req, id: who.Request, who: who, route: &s.routes[i], began: s.cfg.Now()}
	in, err := q.route.bind(req, nil)
	if err != nil {
		return err
	}
	return s.export(w, q, in, f)
}

// rowWriter writes the rows of an export page after page.
type rowWriter interface {
	page(rows reflect.Value) error
	end() error
}

// begin writes an export's header.
func begin(w http.ResponseWriter, q *request, f format) rowWriter {
	h := w.Header()
	kind := string(f)
	if f == formatArray {
		kind = string(formatJSON)
	}
	name := q.route.ID + "." + kind
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	out := flusher{bufio.NewWriterSize(w, 64<<10), http.NewResponseController(w)}
	switch f {
	case formatNDJSON:
		h.Set("Content-Type", "application/x-ndjson")
		w.WriteHeader(http.StatusOK)
		return &lines{out}
	case formatArray:
		h.Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusOK)
		return &array{flusher: out}
	case formatCSV, formatJSON:
	}
	h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.WriteHeader(http.StatusOK)
	items, _ := q.route.out.FieldByName("Items")
	return &table{flusher: out, csv: csv.NewWriter(out), columns: columns(items.Type.Elem())}
}

// flusher hands each page on to the client.
type flusher struct {
	*bufio.Writer
	control *http.ResponseController
}

func (f flusher) send() error {
	if err := f.Flush(); err != nil {
		return err
	}
	_ = f.control.Flush() // a connection that cannot flush sends when it is full
	return nil
}

type lines struct{ flusher }

func (l *lines) page(rows reflect.Value) error {
	enc := json.NewEncoder(l.Writer)
	enc.SetEscapeHTML(false)
	for i := range rows.Len() {
		if err := enc.Encode(rows.Index(i).Interface()); err != nil {
			return err
		}
	}
	return l.send()
}

func (l *lines) end() error { return nil }

// array writes the rows as one JSON document.
type array struct {
	flusher
	begun bool
}

func (a *array) page(rows reflect.Value) error {
	for i := range rows.Len() {
		doc, err := json.Marshal(rows.Index(i).Interface())
		if err != nil {
			return err
		}
		before := ",\n"
		if !a.begun {
			a.begun, before = true, "[\n"
		}
		_, _ = a.WriteString(before) // a failure stays and is told by Flush
		_, _ = a.Writer.Write(doc)
	}
	return a.send()
}

func (a *array) end() error {
	if !a.begun {
		_, _ = a.WriteString("[")
	}
	_, _ = a.WriteString("\n]\n")
	return a.send()
}

// column is a member of a record as a cell.
type column struct {
	name  string
	index []int
}

// columns are the members of a record, in their order.
func columns(t reflect.Type) (out []column) {
	for _, f := range fields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		out = append(out, column{name, f.Index})
	}
	return out
}

type table struct {
	flusher
	csv     *csv.Writer
	columns []column
	headed  bool
}

func (t *table) page(rows reflect.Value) error {
	row := make([]string, len(t.columns))
	if !t.headed {
		for i, c := range t.columns {
			row[i] = c.name
		}
		if err := t.csv.Write(row); err != nil {
			return err
		}
		t.headed = true
	}
	for n := range rows.Len() {
		for i, c := range t.columns {
			text, err := cell(rows.Index(n).FieldByIndex(c.index))
			if err != nil {
				return err
			}
			row[i] = inert(text)
		}
		if err := t.csv.Write(row); err != nil {
			return err
		}
	}
	if t.csv.Flush(); t.csv.Error() != nil {
		return t.csv.Error()
	}
	return t.send()
}

func (t *table) end() error { return nil }

// cell is a value as text: lists of texts apart by semicolons, what has members as
// JSON.
func cell(v reflect.Value) (string, error) {
	switch x := v.Interface().(type) {
	case time.Time:
		return x.UTC().Format(time.RFC3339), nil
	case []string:
		return strings.Join(x, "; "), nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return "", nil
		}
		return cell(v.Elem())
	case reflect.String:
		return v.String(), nil
	case reflect.Map, reflect.Slice:
		if v.Len() == 0 {
			return "", nil
		}
	default:
	}
	doc, err := json.Marshal(v.Interface())
	return string(doc), err
}

// inert makes a cell that no spreadsheet takes for a formula (OWASP, CSV
// injection) and that cannot move a terminal's cursor.
func inert(text string) string {
	out := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return ' '
		}
		return r
	}, text)
	if first, _ := utf8.DecodeRuneInString(text); text != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		return "'" + out
	}
	return out
}

// Write lets a csv.Writer write through.
var _ io.Writer = flusher{}
