package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

func uploadCmd(f *flags) *cobra.Command {
	cmd := &cobra.Command{Use: "upload", Short: "Bring people by a CSV or XLSX file: look, preview, run, mend"}
	cmd.AddCommand(
		f.inspectUploadCmd(),
		f.uploadRunCmd(registry.ModePreview, "preview FILE|UPLOAD", "Show row by row what a file would change, and change nothing",
			`0 nothing to do, 2 there are changes, 3 there are none, but rows that
failed, 4 the guard would hold it, 5 another upload of the company is at work,
1 failed`),
		f.uploadRunCmd(registry.ModeRun, "run FILE|UPLOAD", "Carry a file out, or one that was previewed, as it was previewed",
			`0 done, 3 done but some rows failed, 4 the guard holds it, 5 another
upload of the company is at work, 1 failed`),
		f.failedRowsCmd(), f.listUploadsCmd(), f.showUploadCmd(), f.discardUploadCmd(), f.uploadTemplateCmd(),
	)
	return cmd
}

// choiceFlags are what a person says about a file.
type choiceFlags struct {
	encoding, separator, sheet, key, mail string
	columns                               []string
}

func (c *choiceFlags) define(cmd *cobra.Command) {
	p := cmd.Flags()
	p.StringVar(&c.encoding, "encoding", "", "utf-8, windows-1251, windows-1252, utf-16le or utf-16be (else it is found)")
	p.StringVar(&c.separator, "separator", "", "semicolon, comma, tab or pipe (else it is found)")
	p.StringVar(&c.sheet, "sheet", "", "sheet of the workbook (else the first)")
	p.StringVar(&c.key, "key", "", "what tells who a row is about: userName, email or employeeNumber")
	p.StringVar(&c.mail, "mail", "", "set-up mails of new people: send, hold or none (send)")
	p.StringArrayVar(&c.columns, "map", nil, `what a column means, as "Mail=emails"; "Notes=-" leaves one out`)
}

func (c *choiceFlags) choices() (app.UploadChoices, error) {
	out := app.UploadChoices{Encoding: app.UploadEncoding(strings.ToLower(c.encoding)), Sheet: c.sheet, Key: c.key, Mail: c.mail, Map: map[string]string{}}
	if c.separator != "" {
		s, ok := app.ParseUploadSeparator(c.separator)
		if !ok {
			return out, misuse(fmt.Errorf("--separator %q: want semicolon, comma, tab or pipe", c.separator))
		}
		out.Separator = s
	}
	for _, m := range c.columns {
		i := strings.LastIndexByte(m, '=')
		if i < 0 {
			return out, misuse(fmt.Errorf("--map %q: want COLUMN=FIELD", m))
		}
		out.Map[strings.TrimSpace(m[:i])] = strings.TrimSpace(m[i+1:])
	}
	return out, nil
}

// localFile is a file of this machine.
func localFile(name string) app.UploadFile {
	open := func() (io.ReadCloser, error) {
		return os.Open(name) //nolint:gosec // whoever sits at the command line names a file of theirs
	}
	return app.UploadFile{Name: filepath.Base(name), Open: open}
}

func (f *flags) inspectUploadCmd() *cobra.Command {
	var c choiceFlags
	cmd := &cobra.Command{
		Use: "inspect FILE", Short: "Show how a file would be read: encoding, separator, columns", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			choices, err := c.choices()
			if err != nil {
				return err
			}
			in, err := app.InspectUpload(localFile(args[0]), choices)
			if in == nil || len(in.Columns) == 0 {
				return err
			}
			return errors.Join(f.printInspection(cmd.OutOrStdout(), in), err)
		},
	}
	c.define(cmd)
	return cmd
}

// printInspection shows how a file is read.
func (f *flags) printInspection(w io.Writer, in *app.UploadInspection) error {
	if f.output == "json" {
		return printJSON(w, in)
	}
	g := &grid{head: []string{"column", "is", "first value", "why not"}}
	for i, c := range in.Columns {
		first := ""
		for _, r := range in.Sample {
			if i < len(r.Cells) && first == "" {
				first = r.Cells[i]
			}
		}
		g.add(c.Header, c.Field, first, c.Why)
	}
	if f.output == "csv" {
		return g.csv(w)
	}
	words := []string{"format: " + string(in.Format)}
	if in.Sheet != "" {
		words = append(words, "sheet: "+in.Sheet)
		if len(in.Sheets) > 1 {
			words[1] += " (of " + strings.Join(in.Sheets, ", ") + ")"
		}
	} else {
		words = append(words, "encoding: "+string(in.Encoding)+sure(string(in.EncodingGuess.Value) == string(in.Encoding), in.EncodingGuess.Confidence, in.EncodingGuess.Why),
			"separator: "+in.Separator.Name()+sure(in.SeparatorGuess.Value == in.Separator, in.SeparatorGuess.Confidence, in.SeparatorGuess.Why))
	}
	words = append(words, fmt.Sprintf("header: row %d", in.HeaderLine), "key: "+in.Key)
	if in.Replaced > 0 {
		words = append(words, fmt.Sprintf("characters not in this encoding: %d; try another", in.Replaced))
	}
	if _, err := fmt.Fprintln(w, printable(strings.Join(words, " · "))); err != nil {
		return err
	}
	return g.table(w, f.paint(w))
}

// sure says how sure a guess is; nothing about a choice.
func sure(guessed bool, confidence float64, why string) string {
	if !guessed {
		return ""
	}
	return fmt.Sprintf(" (%.0f %%: %s)", confidence*100, why)
}

// uploadID is what the id of an upload looks like.
var uploadID = regexp.MustCompile(`^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$`)

// uploadRunCmd previews or runs an upload.
func (f *flags) uploadRunCmd(mode, use, short, codes string) *cobra.Command {
	var c choiceFlags
	var company string
	var all bool
	cmd := &cobra.Command{
		Use: use, Short: short, Long: short + ".\n\nExit codes: " + codes + ".", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			choices, err := c.choices()
			if err != nil {
				return err
			}
			return f.inCompany(cmd, company, func(ctx context.Context, core *app.Core, co registry.Company) error {
				u, err := takeUpload(ctx, core, co, args[0], choices)
				if err != nil {
					return err
				}
				act := core.ApplyUpload
				if mode == registry.ModePreview {
					act = core.PreviewUpload
				}
				bar := newBar(cmd.ErrOrStderr())
				run, err := act(ctx, u, whoami(), bar.show)
				bar.clear()
				return f.uploadEnded(ctx, cmd, core, u, run, err, all)
			})
		},
	}
	companyFlag(cmd, &company)
	allFlag(cmd, &all)
	c.define(cmd)
	return cmd
}

// takeUpload keeps a file, or finds one that is kept.
func takeUpload(ctx context.Context, core *app.Core, co registry.Company, what string, c app.UploadChoices) (*registry.Upload, error) {
	if _, err := os.Stat(what); errors.Is(err, os.ErrNotExist) && uploadID.MatchString(what) {
		return core.Upload(ctx, co.ID, what)
	}
	u, _, err := core.ReceiveUpload(ctx, co, whoami(), localFile(what), c)
	return u, err
}

// uploadEnded prints what became of an upload and gives the exit code.
func (f *flags) uploadEnded(ctx context.Context, cmd *cobra.Command, core *app.Core, u *registry.Upload, run *registry.Run, err error, all bool) error {
	switch {
	case errors.Is(err, registry.ErrLeased):
		return &exitError{code: exitBusy, err: err}
	case err != nil:
		return err
	}
	if err := f.printRows(context.WithoutCancel(ctx), cmd.OutOrStdout(), core, u, run, all); err != nil {
		return err
	}
	return exit(exitCode(run))
}

func (f *flags) failedRowsCmd() *cobra.Command {
	var company string
	cmd := &cobra.Command{
		Use: "failed RUN > mend.csv", Short: "Write the rows that failed in a run as a CSV, to be mended and uploaded again",
		Long: "Write the rows that failed in a run as a CSV with the columns they had, and why, to be mended and uploaded\nagain. RUN is the number that the preview or the run told.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.withRun(cmd, company, args[0], func(ctx context.Context, core *app.Core, r *registry.Run) error {
				u, err := core.UploadOfRun(ctx, r)
				if err != nil {
					return err
				}
				n, err := core.WriteFailedRows(ctx, u, r, whoami(), cmd.OutOrStdout())
				if err != nil {
					return err
				}
				_, err = fmt.Fprintln(cmd.ErrOrStderr(), count(n, "row", "rows"))
				return err
			})
		},
	}
	companyFlag(cmd, &company)
	return cmd
}

func (f *flags) listUploadsCmd() *cobra.Command {
	var company string
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List uploads, the newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.inCompany(cmd, company, func(ctx context.Context, core *app.Core, co registry.Company) error {
				list, err := core.Store.For(co.ID).Uploads(ctx, limit)
				if err != nil {
					return err
				}
				g := &grid{head: []string{"upload", "file", "by", "state", "rows", "failed", "when"}}
				docs := make([]uploadDoc, len(list))
				for i, u := range list {
					docs[i] = toUploadDoc(u)
					g.add(u.PublicID, u.FileName, u.Actor, string(u.State), fmt.Sprint(u.Counts.Rows), fmt.Sprint(u.Counts.Failed), stamp(u.CreatedAt))
				}
				return f.print(cmd.OutOrStdout(), g, docs)
			})
		},
	}
	companyFlag(cmd, &company)
	limitFlag(cmd, &limit, 20)
	return cmd
}

// onUpload finds an upload by its id.
func (f *flags) onUpload(cmd *cobra.Command, company, id string, fn func(context.Context, *app.Core, *registry.Upload) error) error {
	return f.inCompany(cmd, company, func(ctx context.Context, core *app.Core, co registry.Company) error {
		u, err := core.Upload(ctx, co.ID, id)
		if err != nil {
			return err
		}
		return fn(ctx, core, u)
	})
}

func (f *flags) showUploadCmd() *cobra.Command {
	var company string
	var all bool
	cmd := &cobra.Command{
		Use: "show UPLOAD", Short: "Show what became of an upload, row by row", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.onUpload(cmd, company, args[0], func(ctx context.Context, core *app.Core, u *registry.Upload) error {
				id := u.Run
				if id == 0 {
					id = u.Preview
				}
				if id == 0 {
					return f.say(cmd.OutOrStdout(), toUploadDoc(u), "Upload %s is %s.", u.PublicID, u.State)
				}
				run, err := core.Store.For(u.Company).Run(ctx, id)
				if err != nil {
					return err
				}
				return f.printRows(ctx, cmd.OutOrStdout(), core, u, run, all)
			})
		},
	}
	companyFlag(cmd, &company)
	allFlag(cmd, &all)
	return cmd
}

func (f *flags) discardUploadCmd() *cobra.Command {
	var company string
	cmd := &cobra.Command{
		Use: "discard UPLOAD", Short: "Drop an upload that was not carried out", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.onUpload(cmd, company, args[0], func(ctx context.Context, core *app.Core, u *registry.Upload) error {
				if err := core.DiscardUpload(ctx, u, whoami()); err != nil {
					return err
				}
				return f.say(cmd.OutOrStdout(), toUploadDoc(u), "Upload %s is discarded.", u.PublicID)
			})
		},
	}
	companyFlag(cmd, &company)
	return cmd
}

func (f *flags) uploadTemplateCmd() *cobra.Command {
	var locale string
	cmd := &cobra.Command{
		Use: "template > people.csv", Short: "Write an empty file with every column", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			doc, err := app.UploadTemplate(locale)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(doc)
			return err
		},
	}
	cmd.Flags().StringVar(&locale, "locale", "en", "language of the columns: en, it or ru")
	return cmd
}
