package ldap

import (
	"fmt"
	"strings"
)

// filterFault words why a filter does not parse, with the column where that
// can be told; go-ldap's errors name no place. The filter is RFC 4515's.
func filterFault(filter string, err error) string {
	reason, at := strings.TrimPrefix(err.Error(), `LDAP Result Code 201 "Filter Compile Error": `), -1
	if r, i := findFilterFault(filter); r != "" {
		reason, at = r, i
	}
	reason = strings.TrimPrefix(reason, "ldap: ")
	if at < 0 {
		return fmt.Sprintf("%s in %q", reason, filter)
	}
	return fmt.Sprintf("column %d: %s\n | %s\n | %s^", at+1, reason, filter, strings.Repeat(".", at))
}

// findFilterFault looks for the usual slips: parentheses that do not match,
// an item without a comparison, a backslash that is no escape. It returns ""
// when it finds none, and the byte where the fault is otherwise.
func findFilterFault(filter string) (reason string, at int) {
	if !strings.HasPrefix(filter, "(") {
		return "a filter starts with an opening parenthesis", 0
	}
	var open []int
	for i := 0; i < len(filter); i++ {
		switch filter[i] {
		case '(':
			if len(open) == 0 && i > 0 {
				return "the filter has already ended here", i
			}
			open = append(open, i)
			if reason := filterItem(filter[i+1:]); reason != "" {
				return reason, i
			}
		case ')':
			if len(open) == 0 {
				return "this parenthesis closes nothing", i
			}
			open = open[:len(open)-1]
		case '\\':
			if i+2 >= len(filter) || !isHex(filter[i+1]) || !isHex(filter[i+2]) {
				return `a backslash wants two hexadecimal digits after it, e.g. \28`, i
			}
		default:
			if len(open) == 0 {
				return "the filter has already ended here", i
			}
		}
	}
	if len(open) > 0 {
		return "this parenthesis is never closed", open[len(open)-1]
	}
	return "", -1
}

// filterItem judges what follows an opening parenthesis.
func filterItem(rest string) string {
	if rest == "" || strings.ContainsRune("&|!", rune(rest[0])) {
		return ""
	}
	end := strings.IndexAny(rest, "()")
	if end < 0 {
		return "" // never closed, which is reported elsewhere
	}
	switch item := rest[:end]; {
	case item == "":
		return "nothing between the parentheses"
	case !strings.Contains(item, "="):
		return fmt.Sprintf("%q compares nothing", item)
	}
	return ""
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
