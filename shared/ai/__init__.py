"""The AI orchestrator: choosing a model, asking it, and knowing exactly what it cost."""
