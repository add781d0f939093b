package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/usherd/usher/internal/registry"
)

// reasonDoc is a reason as JSON shows it. Its field names are a contract.
type reasonDoc struct {
	Code    registry.Code  `json:"code"`
	Meaning string         `json:"meaning"`
	Action  string         `json:"action"`
	Who     registry.Actor `json:"who"`
}

func explainCmd(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "explain [CODE]", Short: "Say what a code of a report means and what to do; without a code, list them all",
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: reasonCodes,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return f.listReasons(cmd)
			}
			r, ok := registry.ReasonOf(args[0])
			if !ok {
				return misuse(fmt.Errorf("no report has the code %q; `usher explain` lists them", args[0]))
			}
			if f.output == "json" {
				return printJSON(cmd.OutOrStdout(), reasonDoc(r))
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n  Meaning: %s\n  To do:   %s\n  Who:     %s\n", r.Code, r.Meaning, r.Action, r.Who)
			return err
		},
	}
}

func (f *flags) listReasons(cmd *cobra.Command) error {
	g := &grid{head: []string{"code", "who acts", "meaning"}}
	docs := []reasonDoc{}
	for _, r := range registry.Reasons() {
		g.add(string(r.Code), string(r.Who), r.Meaning)
		docs = append(docs, reasonDoc(r))
	}
	return f.print(cmd.OutOrStdout(), g, docs)
}

// reasonCodes completes the code.
func reasonCodes(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	var out []string
	for _, r := range registry.Reasons() {
		if len(args) == 0 && strings.HasPrefix(string(r.Code), prefix) {
			out = append(out, string(r.Code))
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
