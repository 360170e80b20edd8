"""Preflight: what would stop or waste a run, found before it. Nothing here runs or submits anything."""
