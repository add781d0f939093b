// Package upload reads people from a file that an admin brought: CSV in the
// encodings and with the separators that spreadsheets write, or XLSX. It
// implements source.Source, so that an upload is planned, judged, previewed and
// reported as a night's sync is.
//
// It owns what a file is: its encoding and separator, which row is the header,
// which column is which attribute, and what of a row cannot be taken. It does
// not own what a person is (internal/registry), where files are kept
// (internal/store), nor who may bring one.
//
// # What a row says
//
// A row is the word of the admin on one person, who is known by one column, the
// key. A cell that is empty says that there is no value; a column that is not
// there says nothing. A file never has everybody, so that nobody is missing
// because a file leaves them out, and nobody leaves a group because a row does
// not name it. Rights are not given by files: a row that tries is refused, and
// so is one about somebody whom another door owns, by the registry's rule.
//
// # What a bad row costs
//
// One row of the report. A quote that is never closed costs the line it stands
// on and not the rest of the file, which is why records are cut here and only
// then given to encoding/csv.
package upload
