// Package action has one type for each verb of the plugin, and wires the other packages together for it.
//
// It prints nothing and reads no flags: pkg/cmd does. Start reading at Launch.
package action
