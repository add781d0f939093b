// Package app wires the rooms together and owns nothing else: Open builds what a
// command needs, Server adds what listens and works, Demo adds a directory and a
// mailbox to try it all with.
package app
