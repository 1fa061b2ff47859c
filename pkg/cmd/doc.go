// Package cmd is the command line: flags in, an action run, its outcome printed. It decides nothing.
//
// One file a command. Start reading at Execute.
package cmd
