"""Reports of an analysis and its verdict: HTML, notebook, PDF, console and XCom."""
