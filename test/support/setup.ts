import { afterAll } from 'vitest';
import { stopAll } from './process.ts';

afterAll(stopAll);
