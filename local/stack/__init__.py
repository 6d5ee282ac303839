"""The whole stack: started, shown, worked for and stopped."""
