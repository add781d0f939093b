package upload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// memory is a file that is kept in memory.
func memory(doc []byte) File {
	return File{Name: "people", Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(doc)), nil }}
}

// written is text in an encoding.
func written(t testing.TB, e encoding.Encoding, text string) []byte {
	t.Helper()
	doc, err := e.NewEncoder().Bytes([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// book is a workbook of some rows, changed by fn before it is written.
func book(t testing.TB, rows [][]any, fn func(*excelize.File)) []byte {
	t.Helper()
	f := excelize.NewFile()
	for i, row := range rows {
		if err := f.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &row); err != nil {
			t.Fatal(err)
		}
	}
	if fn != nil {
		fn(f)
	}
	var b bytes.Buffer
	if err := errors.Join(f.Write(&b), f.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// read gives a file's rows in short: the line, and who it is about or why not.
func read(t testing.TB, doc []byte, c Choices) (*Inspection, []Row, []string) {
	t.Helper()
	in, err := Inspect(memory(doc), c)
	if err != nil {
		t.Fatal(err)
	}
	src := &Source{File: memory(doc), Settings: in.Settings}
	var rows []Row
	var words []string
	err = src.Each(t.Context(), func(r Row) error {
		rows = append(rows, r)
		e := r.Entry
		if e.Problem != "" {
			words = append(words, fmt.Sprintf("%d %s", r.Line, e.Code))
			return nil
		}
		words = append(words, fmt.Sprintf("%d %s", r.Line, e.Anchor))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return in, rows, words
}

const (
	italian = "Matricola;Nome;Cognome;Indirizzo e-mail;Città\r\n007;Niccolò;Perché;nico@example.com;Forlì\r\n008;Ambra;D'Età;ambra@example.com;Cantù\r\n"
	russian = "Логин;Фамилия;Имя;Отчество;Эл. почта;Должность\r\nivanov;Иванов;Пётр;Ильич;ivanov@example.com;Главный бухгалтер\r\n" +
		"petrova;Петрова;Ольга;Юрьевна;petrova@example.com;Инженер\r\n"
)

// TestCorpus reads files as spreadsheets of three countries write them.
func TestCorpus(t *testing.T) {
	bom := "\uFEFF"
	for name, c := range map[string]struct {
		doc  []byte
		e    Encoding
		s    Separator
		rows []string
	}{
		"ASCII with commas": {[]byte("username,email\nann,ann@example.com\n"), UTF8, Comma, []string{"2 userName:ann"}},
		"Italian UTF-8":     {[]byte(italian), UTF8, Semicolon, []string{"2 emails:nico@example.com", "3 emails:ambra@example.com"}},
		"Italian with mark": {[]byte(bom + italian), UTF8, Semicolon, []string{"2 emails:nico@example.com", "3 emails:ambra@example.com"}},
		"Italian Excel":     {written(t, charmap.Windows1252, italian), CP1252, Semicolon, []string{"2 emails:nico@example.com", "3 emails:ambra@example.com"}},
		"Russian Excel":     {written(t, charmap.Windows1251, russian), CP1251, Semicolon, []string{"2 userName:ivanov", "3 userName:petrova"}},
		"Russian UTF-8":     {[]byte(russian), UTF8, Semicolon, []string{"2 userName:ivanov", "3 userName:petrova"}},
		"Unicode text":      {written(t, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), strings.ReplaceAll(russian, ";", "\t")), UTF16LE, Tab, []string{"2 userName:ivanov", "3 userName:petrova"}},
		"no mark, little":   {written(t, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), russian), UTF16LE, Semicolon, []string{"2 userName:ivanov", "3 userName:petrova"}},
		"no mark, big":      {written(t, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), italian), UTF16BE, Semicolon, []string{"2 emails:nico@example.com", "3 emails:ambra@example.com"}},
		"pipes":             {[]byte("login|mail|phone\nann|a@example.com|1\nbob|b@example.com|2\n"), UTF8, Pipe, []string{"2 userName:ann", "3 userName:bob"}},
		"the file says so":  {[]byte("sep=,\r\nlogin,note\r\nann,a;b;c\r\n"), UTF8, Comma, []string{"3 userName:ann"}},
		"old Mac":           {[]byte("login;mail\rann;a@example.com\rbob;b@example.com\r"), UTF8, Semicolon, []string{"2 userName:ann", "3 userName:bob"}},
		"a title above":     {[]byte("Elenco dipendenti 2026;;\n;;\nNome utente;Cognome;Note\nann;Rossi;x\n"), UTF8, Semicolon, []string{"4 userName:ann"}},
		"empty rows":        {[]byte("login;mail\n\n;\nann;a@example.com\n;;;\n  ; \nbob;b@example.com\n\n"), UTF8, Semicolon, []string{"4 userName:ann", "7 userName:bob"}},
		"newline in a cell": {[]byte("login;title\r\nann;\"two\r\nlines\"\r\nbob;x\r\n"), UTF8, Semicolon, []string{"2 userName:ann", "4 userName:bob"}},
		"quotes":            {[]byte("login;title\nann;\"the \"\"boss\"\"; or so\"\nbob;x\n"), UTF8, Semicolon, []string{"2 userName:ann", "3 userName:bob"}},
		"a bare quote":      {[]byte("login;title\nann;5\" disk\nbob;x\n"), UTF8, Semicolon, []string{"2 bad_row", "3 userName:bob"}},
		"an open quote":     {[]byte("login;title\nann;\"open\nbob;x\neve;y\n"), UTF8, Semicolon, []string{"2 bad_row", "3 userName:bob", "4 userName:eve"}},
		"behind a quote":    {[]byte("login;title\nann;\"a\"b\nbob;x\n"), UTF8, Semicolon, []string{"2 bad_row", "3 userName:bob"}},
		"too many cells":    {[]byte("login;title\nann;x;y\nbob;x;\n"), UTF8, Semicolon, []string{"2 bad_row", "3 userName:bob"}},
		"too few cells":     {[]byte("login;title;mail\nann\n"), UTF8, Semicolon, []string{"2 userName:ann"}},
		"twice":             {[]byte("login\nann\nANN\nＡＮＮ\n"), UTF8, Comma, []string{"2 userName:ann", "3 duplicate_row", "4 duplicate_row"}},
		"rights":            {[]byte("login;admin\nann;yes\nbob;no\neve;\n"), UTF8, Semicolon, []string{"2 rights_not_uploaded", "3 userName:bob", "4 userName:eve"}},
		"a huge cell":       {[]byte("login;title\nann;" + strings.Repeat("x", maxRecordBytes+10) + "\nbob;x\n"), UTF8, Semicolon, []string{"2 bad_row", "3 userName:bob"}},
		"a huge key":        {[]byte("login;title\n" + strings.Repeat("x", 400) + ";x\nbob;x\n"), UTF8, Semicolon, []string{"2 bad_row", "3 userName:bob"}},
	} {
		t.Run(name, func(t *testing.T) {
			in, _, words := read(t, c.doc, Choices{})
			if in.Encoding != c.e || in.Separator != c.s {
				t.Errorf("found %s and %q, want %s and %q (%+v, %+v)", in.Encoding, in.Separator, c.e, c.s, in.EncodingGuess, in.SeparatorGuess)
			}
			if d := cmp.Diff(c.rows, words); d != "" {
				t.Errorf("rows (-want +got):\n%s", d)
			}
		})
	}
}

// TestLateAccent: the first accent may come after a thousand plain rows.
func TestLateAccent(t *testing.T) {
	doc := "login;cognome\n"
	for i := range 20000 {
		doc += fmt.Sprintf("user%d;Rossi\n", i)
	}
	in, rows, _ := read(t, written(t, charmap.Windows1252, doc+"last;Perché è così\n"), Choices{})
	if got := rows[len(rows)-1].Entry.Values["familyname"][0]; in.Encoding != CP1252 || got != "Perché è così" {
		t.Errorf("%s: %q", in.Encoding, got)
	}
}

// TestColumns: what headers mean in three languages, alone and by hand.
func TestColumns(t *testing.T) {
	for _, c := range []struct {
		header string
		by     map[string]string
		want   string
	}{
		{"User name,First Name,Last Name,E-Mail,Phone", nil, "userName givenName familyName emails phone"},
		{"sAMAccountName,givenName,sn,mail,telephoneNumber", nil, "userName givenName familyName emails phone"},
		{"Name,Surname,Email", nil, "givenName familyName emails"},
		{"Name,Email", nil, "displayName emails"},
		{"Nome,Cognome,E-mail", nil, "givenName familyName emails"},
		{"Nome,E-mail", nil, "displayName emails"},
		{"ФИО,Табельный №,Эл. почта,Группы поддержки", nil, "displayName employeeNumber emails supportGroups"},
		{"Учётная запись,Моб. телефон", nil, "userName mobile"},
		{"Login,E-mail,Email,Login", nil, "userName emails emails -"},
		{"E_MAIL *,  display-name:", nil, "emails displayName"},
		{"Login,Note,Tel", map[string]string{"Note": "title", "tel": "-"}, "userName title -"},
		{"Login,Password,Manager", nil, "userName - -"},
		{"'=Login,Email", nil, "userName emails"},
	} {
		list, err := columns(strings.Split(c.header, ","), c.by)
		if err != nil {
			t.Errorf("%s: %v", c.header, err)
		}
		var got []string
		for _, col := range list {
			if col.Field == "" {
				col.Field = "-"
			}
			got = append(got, col.Field)
		}
		if d := cmp.Diff(c.want, strings.Join(got, " ")); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.header, d)
		}
	}
	for _, lang := range Locales() {
		doc, err := Template(lang)
		if err != nil {
			t.Fatal(err)
		}
		in, err := Inspect(memory(append(doc, "x"...)), Choices{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range in.Columns {
			if c.Field == "" {
				t.Errorf("%s: the template's own column %q is not known: %s", lang, c.Header, c.Why)
			}
		}
	}
}

// TestRefusedFiles: what cannot be read at all says what to do.
func TestRefusedFiles(t *testing.T) {
	for name, c := range map[string]struct {
		doc    string
		choice Choices
		want   error
		words  string
	}{
		"empty":             {"", Choices{}, ErrFile, "empty"},
		"blank":             {"\n  \n", Choices{}, ErrFile, "nothing is written"},
		"old Excel":         {"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", Choices{}, ErrFile, ".xls"},
		"no zip":            {"PK\x03\x04 nothing", Choices{}, ErrFile, "no XLSX"},
		"nobody":            {"Colour;Shape\nred;round\n", Choices{}, ErrChoice, `--map "Colour=emails"`},
		"unknown column":    {"login\nann\n", Choices{Map: map[string]string{"Mail": "emails"}}, ErrChoice, `no column "Mail"`},
		"unknown field":     {"login\nann\n", Choices{Map: map[string]string{"login": "shoe"}}, ErrChoice, `no field "shoe"`},
		"unknown key":       {"login\nann\n", Choices{Key: "email"}, ErrChoice, "not among the columns"},
		"unknown encoding":  {"login\nann\n", Choices{Encoding: "latin-9"}, ErrChoice, "no encoding"},
		"unknown mail mode": {"login\nann\n", Choices{Mail: "later"}, ErrChoice, "mail is"},
	} {
		_, err := Inspect(memory([]byte(c.doc)), c.choice)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestFormula: what was made inert comes back as it was.
func TestFormula(t *testing.T) {
	for _, cell := range []string{"", "x", "+39 06 1", "=1+1", "-", "@x", "\tx", "'x", "'", "d'Età", "＝1"} {
		if got := unformula(Inert(cell)); got != cell {
			t.Errorf("%q came back as %q", cell, got)
		}
	}
	if got := unformula("'+39 06 1"); got != "+39 06 1" {
		t.Errorf("a phone number lost its plus: %q", got)
	}
}

// TestSourceGroups: groups come after people, once, with the role that either
// column gives them.
func TestSourceGroups(t *testing.T) {
	doc := []byte("login;groups;support groups\nann;Sales, News;\nbob;sales|Help;Help\n")
	in, err := Inspect(memory(doc), Choices{})
	if err != nil {
		t.Fatal(err)
	}
	src := &Source{File: memory(doc), Settings: in.Settings}
	var got []string
	sum, err := src.Read(context.Background(), source.Request{}, func(e source.Entry) error {
		got = append(got, fmt.Sprint(e.Kind, " ", e.Anchor, " ", e.Name, " ", e.MemberOf))
		return nil
	})
	if err != nil || sum.Complete {
		t.Errorf("%+v, %v", sum, err)
	}
	want := []string{
		"1 userName:ann row 2 [group:sales group:news]", "1 userName:bob row 3 [group:help group:sales]",
		"2 group:help " + SupportGroup + " []", "2 group:news News []", "2 group:sales sales []",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("entries (-want +got):\n%s", d)
	}
	found, err := src.Find(context.Background(), "BOB", 2)
	if err != nil || len(found) != 1 || !slices.Equal(found[0].Values["username"], []string{"bob"}) {
		t.Errorf("found %+v, %v", found, err)
	}
}

// TestWorkbook: a sheet as people make it.
func TestWorkbook(t *testing.T) {
	date1904 := true
	doc := book(t, [][]any{
		{"Elenco del personale"},
		{"Matricola", "Nome utente", "E-mail", "Telefono", "Note"},
		{7, "ann", "ann@example.com", 393331234567, "x"},
		{},
		{8, "bob", "bob@example.com", "+39 06 1", strings.Repeat("n", 30000)},
		{9, "", "eve@example.com"},
	}, func(f *excelize.File) {
		format := "0000"
		style, err := f.NewStyle(&excelize.Style{CustomNumFmt: &format})
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(f.SetCellStyle("Sheet1", "A3", "A6", style), f.MergeCell("Sheet1", "A1", "E1"), f.MergeCell("Sheet1", "E3", "E4"),
			f.SetWorkbookProps(&excelize.WorkbookPropsOptions{Date1904: &date1904}))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"Hidden", "Other"} {
			if _, err := f.NewSheet(name); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.SetSheetVisible("Hidden", false); err != nil {
			t.Fatal(err)
		}
	})
	in, rows, words := read(t, doc, Choices{Key: "employeeNumber"})
	if d := cmp.Diff([]string{"3 employeeNumber:0007", "5 employeeNumber:0008", "6 employeeNumber:0009"}, words); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
	if got := rows[0].Entry.Values[Value(registry.AttrPhone)]; !slices.Equal(got, []string{"393331234567"}) {
		t.Errorf("the phone number is %q", got)
	}
	if in.HeaderLine != 2 || !slices.Equal(in.Sheets, []string{"Sheet1", "Other"}) {
		t.Errorf("header %d, sheets %q", in.HeaderLine, in.Sheets)
	}
	if _, err := Inspect(memory(doc), Choices{Sheet: "Hidden"}); !errors.Is(err, ErrChoice) {
		t.Errorf("a hidden sheet: %v", err)
	}
}

// TestZipBomb: a workbook that unpacks to far more than it is takes no memory.
func TestZipBomb(t *testing.T) {
	for part, size := range map[string]uint64{
		"xl/styles.xml": maxOther + 1, "xl/worksheets/sheet1.xml": maxUnpacked + 1, "xl/sharedStrings.xml": maxOther + 2, "xl/x": 1 << 63,
	} {
		if _, err := Inspect(memory(bomb(t, part, size)), Choices{}); !errors.Is(err, ErrFile) {
			t.Errorf("%s: %v", part, err)
		}
	}
}
