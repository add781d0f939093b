package main

import (
	"context"
	"sync"
)

// running are the servers of the scripts, by the script's folder.
var running sync.Map

func withPatience() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}
