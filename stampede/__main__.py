"""`python -m stampede`: the command line."""

if __name__ == "__main__":
    from stampede.cli.app import main

    main()
