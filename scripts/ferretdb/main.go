// A server that speaks MongoDB's protocol, for the tests of the mirror where there is no mongod: FerretDB 1.24 with its
// SQLite back end, embedded, for its own command does not start without a version file that its module does not hold.
//
//	ferretdb FOLDER [PORT]
//
// keeps its data in FOLDER, listens on the loopback interface (on a free port where none is named), prints its address,
// and ends at SIGTERM. Telemetry is off: the embedded package never starts it.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 0 {
		return fmt.Errorf("usage: ferretdb FOLDER [PORT]")
	}
	port := "0"
	if len(arguments) > 1 {
		port = arguments[1]
	}
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: "127.0.0.1:" + port},
		Handler:   "sqlite",
		SQLiteURL: "file:" + arguments[0] + "/",
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	fmt.Println(server.MongoDBURI())
	return <-done
}
